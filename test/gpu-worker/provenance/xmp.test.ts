import { DIGITAL_SOURCE_TYPE } from '../../../contract/provenance';
import { provenanceXmp } from '../../../gpu-worker/provenance/xmp';
import packageJson from '../../../package.json';
import { ORIGIN } from '../../origin';

test('the packet names source type, generator, model and job, and nothing else', () => {
  const xmp = provenanceXmp(ORIGIN);
  const properties = [...xmp.matchAll(/^ {3}<([\w:]+)>([^<]*)<\/\1>$/gm)].map(([, name, value]) => [name, value]);
  expect(properties).toEqual([
    ['dc:identifier', ORIGIN.jobId],
    ['xmp:CreatorTool', `mv2id ${packageJson.version}`],
    ['Iptc4xmpExt:DigitalSourceType', DIGITAL_SOURCE_TYPE],
    ['Iptc4xmpExt:AISystemUsed', 'random'],
    ['Iptc4xmpExt:AISystemVersionUsed', `sha256:${'a'.repeat(64)}`],
  ]);
  expect(DIGITAL_SOURCE_TYPE).toBe('http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia');
});

test('the packet is found by its markers and declares every prefix it uses', () => {
  const xmp = provenanceXmp(ORIGIN);
  expect(xmp.startsWith('<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>')).toBe(true);
  expect(xmp.endsWith('<?xpacket end="r"?>')).toBe(true);
  const used = new Set([...xmp.matchAll(/<\/?(\w+):/g)].map(([, prefix]) => prefix));
  const declared = new Set([...xmp.matchAll(/xmlns:(\w+)="/g)].map(([, prefix]) => prefix));
  expect([...used].sort()).toEqual([...declared].sort());
});

test('whatever a model is called stays text', () => {
  expect(provenanceXmp({ ...ORIGIN, model: 'a<b>&"c' })).toContain(
    '<Iptc4xmpExt:AISystemUsed>a&lt;b&gt;&amp;&quot;c</Iptc4xmpExt:AISystemUsed>',
  );
});

test('a model whose files nobody has read is named without a version', () => {
  const xmp = provenanceXmp({ ...ORIGIN, modelSha256: null });
  expect(xmp).toContain('AISystemUsed>random<');
  expect(xmp).not.toMatch(/AISystemVersionUsed|null/);
});
