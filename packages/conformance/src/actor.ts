/** One session of a stage: what a person does with it, and an ear at its log. */
import assert from "node:assert/strict";
import type { SessionHandle } from "@corral/kernel";
import type { ContentBlock, Item, SessionId, Turn, TurnId } from "@corral/protocol";
import { Ear, within } from "./ear.ts";

const text = (said: string): ContentBlock[] => [{ type: "text", text: said }];

type Prompt = string | ContentBlock[];

/** One session, and an ear at its log. */
export class Actor {
  readonly id: SessionId;
  readonly session: SessionHandle;
  readonly ear: Ear;

  constructor(session: SessionHandle) {
    this.id = session.id;
    this.session = session;
    this.ear = new Ear(session);
  }

  /** Prompts, and goes on at once. */
  begin(prompt: Prompt): Promise<Turn> {
    return this.session.prompt({ prompt: typeof prompt === "string" ? text(prompt) : prompt });
  }

  async ended({ id }: { readonly id: TurnId }): Promise<Turn> {
    const turn = await within(this.session.ended(id), () => `the end of the turn among ${this.ear.summary()}`);
    await this.ear.upTo(this.session.state().cursor);
    return turn;
  }

  /** Prompts, and waits for the end. */
  async say(prompt: Prompt): Promise<Turn> {
    return this.ended(await this.begin(prompt));
  }

  /** Prompts, waits for the end, and insists that it is a good one. */
  async hear(prompt: Prompt): Promise<Turn> {
    const turn = await this.say(prompt);
    assert.equal(turn.outcome, "completed", `${JSON.stringify(turn)}${this.ear.summary()}`);
    return turn;
  }

  async items(): Promise<readonly Item[]> {
    return (await this.session.transcript({ after: 0, limit: 1000 })).items;
  }

  get pid(): number {
    const { harness } = this.session.state();
    assert(harness?.pid, "there is no harness process");
    return harness.pid;
  }
}
