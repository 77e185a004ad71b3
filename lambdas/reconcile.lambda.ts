/** Lambda entry of `reconcile`, called on a schedule; retention and erasures are looked after by the way. */
import { type ExpireReport, expire } from './expire';
import { openContextFromEnv } from './open-context';
import { type ReconcileReport, reconcile } from './reconcile';
import type { StageContext } from './stage';
import { type SweepReport, sweepErasures } from './sweep-erasures';

const open = openContextFromEnv('reconcile');
let opened: Promise<StageContext> | null = null;

/** @throws Error when something could not be reconciled, so that the function's alarm tells. */
export async function handler(): Promise<{ flow: ReconcileReport; retention: ExpireReport; erasures: SweepReport }> {
  opened ??= open().catch((error) => {
    opened = null;
    throw error;
  });
  const context = await opened;
  const flow = await reconcile(context);
  const retention = await expire(context);
  const erasures = await sweepErasures(context);
  context.log.info('Reconciled.', { ...flow, retention, erasures });
  const failures = flow.failures + retention.failures + erasures.failures;
  if (failures > 0) throw new Error(`reconcile must succeed for every job, got ${failures} failures.`);
  return { flow, retention, erasures };
}
