/** An engine in a process of its own, kept alive and asked one thing at a time. */
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Answer, Command, Setup } from './protocol';

/** How an engine is started. */
export interface EngineProgram {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

export const OURS: EngineProgram = {
  name: 'mv2id',
  command: process.execPath,
  args: ['--require', require.resolve('../bin/typescript'), path.join(__dirname, 'engine.ts')],
};

export const diffusers = (python: string): EngineProgram => ({
  name: 'diffusers',
  command: python,
  args: [path.join(__dirname, 'peer.py')],
});

export class EngineProcess {
  /** What it runs on, known once it has started. */
  version = '';
  private readonly child: ChildProcess;
  private readonly answers: AsyncIterator<string>;

  private constructor(private readonly program: EngineProgram) {
    this.child = spawn(program.command, program.args, { stdio: ['pipe', 'pipe', 'inherit'] });
    // A process that did not start or has ended is told by the end of its answers.
    this.child.on('error', () => {});
    this.child.stdin!.on('error', () => {});
    this.answers = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]();
  }

  /** Starts the program and hands it the setup. */
  static async start(program: EngineProgram, setup: Setup): Promise<EngineProcess> {
    const engine = new EngineProcess(program);
    engine.version = (await engine.send(setup)).version ?? '';
    return engine;
  }

  /** @throws Error when the process ends instead of answering; it has said why on stderr. */
  ask(command: Command): Promise<Answer> {
    return this.send({ command });
  }

  stop(): void {
    this.child.stdin!.end();
  }

  private async send(message: Setup | { command: Command }): Promise<Answer> {
    this.child.stdin!.write(`${JSON.stringify(message)}\n`);
    const { value, done } = await this.answers.next();
    if (done) throw new Error(`${this.program.name} must answer ${message.command}, got the end of its process.`);
    return JSON.parse(value) as Answer;
  }
}
