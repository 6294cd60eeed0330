/** Decides what a request is answered with: by the story, else by JSON, a title, or the directives in its prompt. */
import { composeReply, type Making } from "./compose.ts";
import { stepsInPrompt } from "./directives.ts";
import { jsonExample } from "./json-example.ts";
import type { ModelReply } from "./reply.ts";
import type { Asked, Chooser } from "./story/choose.ts";
import type { Step } from "./story/story-shape.ts";

const text = (said: string): readonly Step[] => [{ do: "text", with: { text: said, delayMs: 0 } }];

function unscripted({ request, prompt }: Asked): readonly Step[] {
  if (request.jsonSchema !== undefined) return text(JSON.stringify(jsonExample(request.jsonSchema)));
  return prompt.purpose === "title" ? text("Scripted title") : stepsInPrompt(prompt);
}

export const answerOf = (chooser: Chooser, making: Making): ModelReply =>
  composeReply(chooser.choose(making) ?? unscripted(making), making);
