/** The commands that work on a deployment, one machine's or AWS's: what each takes. */
import { type Command, Option } from 'commander';
import { JOB_STATES } from '../contract/job';
import { MAX_RETENTION_DAYS, MIN_RETENTION_DAYS } from '../contract/limits';
import { type CancelOptions, runCancel } from './cancel';
import { type ConsentListOptions, runConsentList } from './consent';
import { type CostOptions, runCost } from './cost';
import { COST_GROUPS, type CostGroup } from './cost-report';
import { type DemoOptions, runDemo } from './demo';
import { type DeployCheckOptions, runDeployCheck } from './deploy-check';
import { type EraseOptions, runErase } from './erase';
import { UsageError } from './exit-code';
import { type ListOptions, runList } from './list';
import { PROVIDERS } from './providers';
import { type ResultsOptions, runResults } from './results';
import { runServe, type ServeOptions } from './serve';
import { runStatus, type StatusOptions } from './status';
import type { Streams } from './streams';
import { runSubmit, type SubmitOptions } from './submit';
import { MAX_THREADS, wholeNumber } from './whole-number';

const MAX_LISTED = 10_000;
const MAX_SLOTS = 64;
const DEFAULT_PORT = 8321;
const JSON_OPTION = ['--json', 'print the job object (docs/job.md)'] as const;
const JOB_ARGUMENT = ['<job>', 'a job id, or its beginning'] as const;

export function addServiceCommands(program: Command, streams: Streams, setExitCode: (code: number) => void): void {
  program
    .command('demo')
    .description('The whole service once: start it, send the bundled example, receive the webhook, fetch the video.')
    .option('--out <dir>', 'where the results go (default: out/ada)')
    .option('--threads <n>', 'threads of an operator', wholeNumber('--threads', 1, MAX_THREADS))
    .action(async (options: DemoOptions) => setExitCode(await runDemo(options, streams)));
  program
    .command('serve')
    .description('The service on this machine: folders, a status page, workers as processes. Until Ctrl-C.')
    .option('--port <n>', 'of the status page; 0 for any', wholeNumber('--port', 0, 65_535), DEFAULT_PORT)
    .option('--host <address>', 'the status page listens on (default: 127.0.0.1)')
    .option('--host-name <names...>', 'more names by which browsers may call the status page')
    .option('--slots <n>', 'jobs at the same time', wholeNumber('--slots', 1, MAX_SLOTS), 1)
    .addOption(new Option('--provider <name>', 'what the networks run on').choices(PROVIDERS).default('cpu'))
    .option('--threads <n>', 'threads of an operator', wholeNumber('--threads', 1, MAX_THREADS))
    .option(
      '--retention-days <n>',
      'remove results after so many days, where job.json says nothing (default: never)',
      wholeNumber('--retention-days', MIN_RETENTION_DAYS, MAX_RETENTION_DAYS),
    )
    .action((_options: unknown, command: Command) => runServe(command.optsWithGlobals<ServeOptions>(), streams));
  program
    .command('deploy-check')
    .description(
      'Whether a deployment can do its work: a line for everything that it needs. Exit code 0 without a problem.',
    )
    .option('--job <set folder>', 'judge this set too, with its model, as if it were submitted')
    .option('--json', 'print {"profile", "is_ready", "findings"}')
    .action(async (_options: unknown, command: Command) =>
      setExitCode(await runDeployCheck(command.optsWithGlobals<DeployCheckOptions>(), streams)),
    );
  program
    .command('submit')
    .description('Send a reference set: a folder with a job.json and the images it names. Prints the job id.')
    .argument('<set folder>')
    .option('--tenant <name>', 'whose job it is (default: local, on this machine)')
    .option('--set <name>', 'name of the set (default: of the folder)')
    .option('--webhook <url>', 'in place of the webhook in job.json')
    .option('--no-check', 'do not look at the faces before uploading: the service does all the same')
    .option('--wait', 'show progress until the job has ended; exit code 0, 64 (input at fault) or 70')
    .option('--json', 'print {"id"}, or the job object with --wait')
    .action(async (folder: string, _options: unknown, command: Command) =>
      setExitCode(await runSubmit(folder, command.optsWithGlobals<SubmitOptions>(), streams)),
    );
  program
    .command('status')
    .description('One job in full; without a job, how many there are in which state.')
    .argument('[job]', JOB_ARGUMENT[1])
    .option(...JSON_OPTION)
    .action((job: string | undefined, _options: unknown, command: Command) =>
      runStatus(job, command.optsWithGlobals<StatusOptions>(), streams),
    );
  program
    .command('list')
    .description('Jobs, newest first.')
    .option('--tenant <name>', 'only of this tenant')
    .addOption(new Option('--status <state>', 'only in this state').choices(JOB_STATES))
    .option('--limit <n>', 'at most so many', wholeNumber('--limit', 1, MAX_LISTED), 20)
    .option(...JSON_OPTION)
    .action((_options: unknown, command: Command) => runList(command.optsWithGlobals<ListOptions>(), streams));
  program
    .command('cost')
    .description('What jobs have taken and cost, estimated from GPU time and a table of prices.')
    .option('--tenant <name>', 'only of this tenant')
    .option('--from <day>', 'first day on which a job was created, UTC (default: the first of this month)')
    .option('--to <day>', 'last day, included (default: today)')
    .addOption(
      new Option('--by <groups>', `rows by one or more of ${COST_GROUPS.join(', ')}`)
        .argParser(costGroups)
        .default(['tenant', 'day'], 'tenant,day'),
    )
    .option('--prices <file>', 'estimate anew with this table (as contract/prices.json)')
    .option('--json', 'print rows and total as JSON')
    .option('--csv', 'print rows as CSV')
    .action((_options: unknown, command: Command) => runCost(command.optsWithGlobals<CostOptions>(), streams));
  program
    .command('cancel')
    .description('Stop a job: deletes the job.json it stands for.')
    .argument(...JOB_ARGUMENT)
    .option(...JSON_OPTION)
    .action((job: string, _options: unknown, command: Command) =>
      runCancel(job, command.optsWithGlobals<CancelOptions>(), streams),
    );
  program
    .command('results')
    .description('Fetch the video, the poster and the report of a job, checked by their sha256.')
    .argument(...JOB_ARGUMENT)
    .option('--out <dir>', 'where they go (default: out/<job id>)')
    .option(...JSON_OPTION)
    .action((job: string, _options: unknown, command: Command) =>
      runResults(job, command.optsWithGlobals<ResultsOptions>(), streams),
    );
  program
    .command('consent')
    .description('Who vouched for whose consent.')
    .command('list')
    .description('The consents of the jobs that were taken, newest first.')
    .option('--tenant <name>', 'only of this tenant')
    .option('--set <name>', "only of this set of the tenant's")
    .option('--limit <n>', 'at most so many', wholeNumber('--limit', 1, MAX_LISTED), 100)
    .option('--json', 'print the records (docs/consent-and-erasure.md)')
    .action((_options: unknown, command: Command) =>
      runConsentList(command.optsWithGlobals<ConsentListOptions>(), streams),
    );
  program
    .command('erase')
    .description('Remove everything of a tenant, or of one of its sets, for good; looks again and says what is gone.')
    .argument('<place>', 'a tenant, or tenant/set')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'only count what there is')
    .option('--certificate <file>', 'write down what was removed')
    .option('--json', 'print the certificate (docs/consent-and-erasure.md)')
    .action((place: string, _options: unknown, command: Command) =>
      runErase(place, command.optsWithGlobals<EraseOptions>(), streams),
    );
}

function costGroups(text: string): CostGroup[] {
  const groups = text.split(',').map((name) => name.trim());
  const isKnown = groups.every((name) => (COST_GROUPS as readonly string[]).includes(name));
  if (isKnown && new Set(groups).size === groups.length) return groups as CostGroup[];
  throw new UsageError(
    `--by must be one or more of ${COST_GROUPS.join(', ')}, each once, with commas between, got ${text}.`,
  );
}
