/** Structured logging as AWS reads it: one JSON object a line. */
import { Logger } from '@aws-lambda-powertools/logger';
import type { Context } from 'aws-lambda';
import type { Log } from './stage';

export class PowertoolsLog implements Log {
  private readonly logger: Logger;

  /** @param name of the stage. */
  constructor(name: string) {
    this.logger = new Logger({ serviceName: name });
  }

  /** Puts the invocation's request id into the lines that follow. */
  addContext(lambda: Context): void {
    this.logger.addContext(lambda);
  }

  info(message: string, about: Record<string, unknown> = {}): void {
    this.logger.info(message, { about });
  }

  warn(message: string, about: Record<string, unknown> = {}): void {
    this.logger.warn(message, { about });
  }

  error(message: string, about: Record<string, unknown> = {}): void {
    this.logger.error(message, { about });
  }
}
