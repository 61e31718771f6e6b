/** A store under the nodes of a test that writes down what is done to it. */

import type { Engine } from '../../src/harness/bed.ts';

export class ScriptedEngine implements Engine {
  readonly members = ['e1', 'e2', 'e3'];
  readonly hasPeerLinks = true;
  readonly done: (readonly unknown[])[] = [];
  readonly #up = new Set(this.members);
  #leader: string | undefined = 'e2';
  /** Why it does not become healthy; undefined: it does. */
  trouble: string | undefined;
  /** Whether it never becomes healthy, and does not say so either. */
  isSilent = false;

  leader(): string | undefined {
    return this.#leader;
  }

  kill(members: readonly string[]): readonly string[] {
    const hit = members.filter((member) => this.#up.delete(member));
    if (hit.includes('e2')) this.#leader = undefined;
    return this.#note('kill', hit);
  }

  restart(members: readonly string[]): void {
    for (const member of members) this.#up.add(member);
    this.#leader = 'e2';
    this.#note('restart', members);
  }

  pause(members: readonly string[]): readonly string[] {
    return this.#note('pause', members);
  }

  resume(members: readonly string[]): void {
    this.#note('resume', members);
  }

  cut(src: string, dest: string): void {
    this.#note('cut', src, dest);
  }

  mend(src: string, dest: string): void {
    this.#note('mend', src, dest);
  }

  delay(src: string, dest: string, delayMs: number): () => void {
    this.#note('delay', src, dest, delayMs);
    return () => this.#note('delay ends', src, dest, delayMs);
  }

  reset(src: string, dest: string): void {
    this.#note('reset', src, dest);
  }

  fill(): () => void {
    this.#note('fill', undefined);
    return () => this.#note('make room', undefined);
  }

  async healthy(): Promise<void> {
    this.#note('healthy', undefined);
    if (this.isSilent) await new Promise<never>(() => {});
    if (this.trouble !== undefined) throw new Error(this.trouble);
  }

  #note<First>(action: string, first: First, ...more: readonly unknown[]): First {
    this.done.push([action, first, ...more]);
    return first;
  }
}
