/** `serve` without its command line, as a process that can be killed: argv names the home. Says `ready` on stdout. */
import { startDeployment } from '../../local/deployment';

const [home] = process.argv.slice(2) as [string];

void startDeployment({
  home,
  slots: 2,
  threads: 1,
  page: { port: 0 },
  reconcileEverySeconds: 2,
  log: { info: () => {}, warn: console.error, error: console.error },
}).then((deployment) => {
  process.stdout.write('ready\n');
  process.once('SIGTERM', () => void deployment.stop().then(() => process.exit(0)));
});
