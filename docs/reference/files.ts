/** Every file that is made from the code, and its text. */
import { contractPage } from './contract-page';
import { documents } from './documents';
import { jsonSchema } from './json-schema';
import { jsonText } from './json-text';
import { settingsPage } from './settings-page';

/** Path in the repository -> text. */
export function referenceFiles(): Map<string, string> {
  const schemas = documents().map((document): [string, string] => [
    document.schemaFile,
    jsonText(jsonSchema(document)),
  ]);
  return new Map([...schemas, ['docs/contract.md', contractPage()], ['docs/settings.md', settingsPage()]]);
}
