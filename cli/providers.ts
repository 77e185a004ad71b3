/** What networks may be told to run on. */
import type { Provider } from '../gpu-worker/session';

export const PROVIDERS: readonly Provider[] = ['cpu', 'cuda', 'webgpu'];
