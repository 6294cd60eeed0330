/** Checks a story for whoever writes one; the reader is loaded only then, so that a daemon starts without it. */

/** The story as it was written, checked: what a session of the scripted agent takes as its option. */
export async function storyValue(text: string, fileName: string): Promise<unknown> {
  const story = await import("./story.ts");
  return story.storyValue(text, fileName);
}
