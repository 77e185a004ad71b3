import { cleanPrompt } from '../../../gpu-worker/model/prompt';
import { readGoldenJson } from '../../golden';

const cases = readGoldenJson<{ prompt: string; cleaned: string }[]>('prompt-clean');

test.each(cases)('cleans $prompt as diffusers does', ({ prompt, cleaned }) => {
  expect(cleanPrompt(prompt)).toBe(cleaned);
});
