/** Lambda entry of `reconcile`, called on a schedule. */
import { openContextFromEnv } from './open-context';
import { type ReconcileReport, reconcile } from './reconcile';
import type { StageContext } from './stage';

const open = openContextFromEnv('reconcile');
let opened: Promise<StageContext> | null = null;

/** @throws Error when something could not be reconciled, so that the function's alarm tells. */
export async function handler(): Promise<ReconcileReport> {
  opened ??= open().catch((error) => {
    opened = null;
    throw error;
  });
  const context = await opened;
  const report = await reconcile(context);
  context.log.info('Reconciled.', { ...report });
  if (report.failures > 0) throw new Error(`reconcile must succeed for every job, got ${report.failures} failures.`);
  return report;
}
