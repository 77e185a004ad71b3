/** A value of a template as CloudFormation would fill it in, with the longest things that it could be. */

const ACCOUNT = '123456789012';
const REGION = 'ap-southeast-2';

/** The name of a bucket may have 63 characters, that of a table 255: CloudFormation makes them of stack, id and a suffix. */
const SUFFIX = '-abcdefghijkl';

/** @throws Error for a function that no text of the stack uses. */
export function resolved(value: unknown): string {
  if (typeof value === 'string') return value;
  const { Ref, 'Fn::Join': join } = value as { Ref?: string; 'Fn::Join'?: [string, unknown[]] };
  if (join) return join[1].map(resolved).join(join[0]);
  if (Ref === undefined) throw new Error(`${JSON.stringify(value)} must be a text, a Ref or a Join.`);
  return referenced(Ref);
}

function referenced(id: string): string {
  if (id === 'AWS::Region') return REGION;
  if (id === 'AWS::AccountId') return ACCOUNT;
  if (id === 'AWS::Partition') return 'aws';
  const name = `${'m'.repeat(28)}-${id}${SUFFIX}`;
  if (/Queue|DeadLetters/.test(id)) return `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${name}`.slice(0, 140);
  if (/Secret/.test(id)) return `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:${name}-AbCdEf`;
  return name;
}
