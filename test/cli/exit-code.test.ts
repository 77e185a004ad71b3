/** What a process says when AWS is the one that fails. */

import { endingOf } from '../../cli/exit-code';
import { StackUnusable } from '../../clients/aws/stack-unusable';

test.each<[string, Error, string]>([
  [
    'no permission',
    fromAws('AccessDenied', 'User is not\nauthorized'),
    'These AWS credentials must be allowed to do this, got AccessDenied: User is not authorized.',
  ],
  [
    'no credentials',
    Object.assign(new Error('Could not load credentials.'), { name: 'CredentialsProviderError' }),
    'AWS credentials must be valid, got CredentialsProviderError: Could not load credentials. Sign in (aws sso login, aws configure), or name a profile of ~/.aws: aws_profile.',
  ],
  [
    'credentials that are over',
    fromAws('ExpiredToken', 'The token is expired'),
    'AWS credentials must be valid, got ExpiredToken: The token is expired. Sign in (aws sso login, aws configure), or name a profile of ~/.aws: aws_profile.',
  ],
  [
    'no such region',
    Object.assign(fromAws('Error', 'getaddrinfo ENOTFOUND sqs.mars-1.amazonaws.com'), { code: 'ENOTFOUND' }),
    'AWS must be reachable from here, in a region that exists, got Error: getaddrinfo ENOTFOUND sqs.mars-1.amazonaws.com.',
  ],
  ['an answer of its own', fromAws('SlowDown', 'Too fast'), 'AWS must answer, got SlowDown: Too fast.'],
])('%s', (_name, error, line) => {
  expect(endingOf(error)).toEqual({ exitCode: 70, lines: [line] });
});

test('a stack that somebody must mend is a wrong argument, one that is being made is not', () => {
  expect(endingOf(new StackUnusable('None.', true))).toEqual({ exitCode: 64, lines: ['None.'] });
  expect(endingOf(new StackUnusable('Not yet.', false))).toEqual({ exitCode: 70, lines: ['Not yet.'] });
});

test('what does not come from AWS is not said to', () => {
  expect(endingOf(new Error('else')).lines).toEqual(['Internal error: else']);
});

function fromAws(name: string, message: string): Error {
  return Object.assign(new Error(message), { name, $metadata: {} });
}
