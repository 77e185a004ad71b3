/**
 * The XMP packet that stands in every MP4 and poster: that a generative model made it, and which. It names no person, no prompt and
 * no time, so it may go wherever the video goes, and the same job gives the same bytes.
 * Sources: ISO 16684-1 (XMP); IPTC Photo Metadata Standard 2025.1 (DigitalSourceType, AISystemUsed, AISystemVersionUsed).
 */
import { encode } from 'html-entities';
import { DIGITAL_SOURCE_TYPE } from '../../contract/provenance';
import { GENERATOR, type Origin } from './origin';

/** By this id a program finds a packet in a file it cannot read otherwise. Source: XMP specification part 1, 7.3.2. */
const PACKET_ID = 'W5M0MpCehiHzreSzNTczkc9d';

/** The packet, read-only (`end="r"`): a program that rewrites it must rewrite the file. */
export function provenanceXmp({ jobId, model, modelSha256 }: Origin): string {
  return `<?xpacket begin="\ufeff" id="${PACKET_ID}"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
   <dc:identifier>${text(jobId)}</dc:identifier>
   <xmp:CreatorTool>${text(`${GENERATOR.name} ${GENERATOR.version}`)}</xmp:CreatorTool>
   <Iptc4xmpExt:DigitalSourceType>${text(DIGITAL_SOURCE_TYPE)}</Iptc4xmpExt:DigitalSourceType>
   <Iptc4xmpExt:AISystemUsed>${text(model)}</Iptc4xmpExt:AISystemUsed>${versionOf(modelSha256)}
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>`;
}

function versionOf(sha256: string | null): string {
  if (sha256 === null) return '';
  return `\n   <Iptc4xmpExt:AISystemVersionUsed>${text(`sha256:${sha256}`)}</Iptc4xmpExt:AISystemVersionUsed>`;
}

function text(value: string): string {
  return encode(value, { level: 'xml' });
}
