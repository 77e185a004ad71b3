/**
 * The suites that take longest go first, so that no core waits for another at the end. In a clean clone nothing is known of durations,
 * and Jest goes by the size of the files.
 */
const { default: Sequencer } = require('@jest/test-sequencer');

const LONGEST = [
  'infra/deployed-stack',
  'campaign/campaign',
  'infra/synth',
  'gpu-worker/checkpoint',
  'cli/bad-input',
  'gpu-worker/worker',
  'gpu-worker/main',
  'cli/demo',
  'gpu-worker/memory',
  'gpu-worker/model/vae',
  'training/face-models/convert',
].map((suite) => `/test/${suite}.test.ts`);

module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    const rank = ({ path }) => {
      const at = LONGEST.findIndex((suite) => path.endsWith(suite));
      return at < 0 ? LONGEST.length : at;
    };
    return super.sort(tests).sort((one, other) => rank(one) - rank(other));
  }
};
