/** What a process says when AWS is the one that fails. */
import { endingOf } from '../../cli/exit-code';

test('an answer of AWS, and the lack of credentials to ask with, are told as such', () => {
  const denied = Object.assign(new Error('User is not\nauthorized'), { name: 'AccessDenied', $metadata: {} });
  expect(endingOf(denied)).toEqual({
    exitCode: 70,
    lines: ['AWS must answer, got AccessDenied: User is not authorized'],
  });
  const unknown = Object.assign(new Error('Could not load credentials'), { name: 'CredentialsProviderError' });
  expect(endingOf(unknown).lines[0]).toBe('AWS must answer, got CredentialsProviderError: Could not load credentials');
  expect(endingOf(new Error('else')).lines).toEqual(['Internal error: else']);
});
