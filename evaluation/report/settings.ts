/** What the video was made with. */
import type { Report } from '../../contract/report';
import { type Html, html } from './html';
import { countText } from './quantities';
import { factTable } from './table';

export function settingsSection({ input, model, provider, compute_dtype }: Report): Html {
  return html`<section aria-labelledby="settings">
<h2 id="settings">Settings</h2>
${factTable('Settings of the generation', [
  ['Model', model],
  ['Size', `${input.width} × ${input.height} pixels`],
  ['Length', `${countText(input.num_frames, 'frame')} at ${input.fps} fps`],
  ['Steps', input.steps],
  ['Guidance', `text ${input.guidance.text}, image ${input.guidance.image}`],
  ['Seed', input.num_outputs === 1 ? input.seed : `from ${input.seed} on, one an output`],
  ['Computed in', `${compute_dtype} on ${provider}`],
])}
</section>`;
}
