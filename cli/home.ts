/** The repository's folder, where the bundled models lie. */
import path from 'node:path';

export const HOME = path.resolve(__dirname, '..');
