/** Instances of `snowstorm serve` as real processes, which are killed and started again. */

import { freePorts } from '../../src/host/deployment/ports.ts';
import { type Ended, Running, SNOWSTORM, until } from './snowstorm-process.ts';

const started = new Set<Running>();

/** Ends what a failed test has left running. */
export function killServices(): void {
  for (const running of started) running.signal('SIGKILL');
}

/** An instance on one port, with as many lives as the test gives it. */
export class ServiceProcess {
  readonly port: number;
  readonly #args: readonly string[];
  readonly #program: string;
  #running: Running | undefined;

  /**
   * @param args of `snowstorm serve`, without `--listen`
   * @param program in place of `snowstorm`
   */
  static async start(args: readonly string[], program = SNOWSTORM): Promise<ServiceProcess> {
    const [port] = await freePorts(1);
    const service = new ServiceProcess(port as number, args, program);
    await service.start();
    return service;
  }

  private constructor(port: number, args: readonly string[], program: string) {
    this.port = port;
    this.#args = args;
    this.#program = program;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#life().child.pid as number;
  }

  get stderr(): string {
    return this.#life().stderr;
  }

  /** Begins the next life. Resolves when it listens. */
  async start(): Promise<void> {
    const running = new Running(this.#program, ['serve', '--listen', `127.0.0.1:${this.port}`, ...this.#args]);
    this.#running = running;
    started.add(running);
    let ended: Ended | undefined;
    void running.ended.then((end) => {
      ended = end;
      started.delete(running);
    });
    await until(
      () => {
        if (ended !== undefined) throw new Error(`it ended with ${ended.status}: ${ended.stderr}`);
        return running.stderr.includes('listening on ');
      },
      () => `it does not listen: ${running.stderr}`,
    );
  }

  signal(signal: NodeJS.Signals): void {
    this.#life().signal(signal);
  }

  /** kill -9; resolves when it is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#life().ended;
  }

  /** SIGTERM; resolves to how it ended. */
  async stop(): Promise<Ended> {
    this.signal('SIGTERM');
    return this.#life().ended;
  }

  #life(): Running {
    if (this.#running === undefined) throw new Error('it was never started');
    return this.#running;
  }
}
