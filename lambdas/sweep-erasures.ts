/** Looks again, some time after an erasure, for what a process wrote that died right after. */
import { allRecords } from '../clients/all-records';
import { isAbandoned, isSweepDue, sweepErasure } from '../clients/erase/erasure';
import type { StageContext } from './stage';

export interface SweepReport {
  readonly swept: number;
  readonly failures: number;
}

export async function sweepErasures({ ports, now, log }: StageContext): Promise<SweepReport> {
  let swept = 0;
  let failures = 0;
  for await (const erasure of allRecords(ports.erasures, 'by_unsettled', 'unsettled', 'oldest')) {
    if (isAbandoned(erasure, now())) {
      log.warn('Erasure was begun and never finished: run mv2id erase again.', { erasure: erasure.id });
    }
    if (!isSweepDue(erasure, now())) continue;
    try {
      const removed = await sweepErasure(ports, erasure, now);
      swept++;
      log.info('Erasure looked after.', { erasure: erasure.id, ...removed.counts() });
    } catch (error) {
      failures++;
      log.error('Erasure not looked after.', { erasure: erasure.id, error: String(error) });
    }
  }
  return { swept, failures };
}
