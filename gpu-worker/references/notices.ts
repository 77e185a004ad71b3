/** What an uploader would want to know of how the references were prepared, in sentences. */
import type { PreparationSettings, ReferenceUse } from './prepare';

export function referenceNotices(
  uses: readonly ReferenceUse[],
  settings: Pick<PreparationSettings, 'numReferences' | 'preparation'>,
): string[] {
  const { numReferences, preparation } = settings;
  if (numReferences === 0) return ['This model takes no references: the images are not used.'];
  const namesOf = (some: readonly ReferenceUse[]) => some.map(({ image }) => image.file).join(', ');
  const leftOut = uses.filter(({ fed }) => fed === null);
  const whole = uses.filter((use) => use.fed !== null && use.preparation !== preparation);
  return [
    ...(leftOut.length > 0 ? [`The model takes ${numReferences} references: ${namesOf(leftOut)} left out.`] : []),
    ...(whole.length > 0 ? [`Nobody to cut out is found in ${namesOf(whole)}: used as uploaded.`] : []),
  ];
}
