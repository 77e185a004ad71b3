/** What people see of the stack: alarms, a dashboard, a budget. */
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { Settings } from '../settings';
import { Alarms } from './alarms';
import { Budget } from './budget';
import { Dashboard } from './dashboard';
import type { Flow } from './flow';
import { FlowMetrics } from './flow-metrics';

export interface OperationsProps extends Flow {
  readonly settings: Settings;
  /** Where people are told. */
  readonly topic: ITopic;
}

export class Operations extends Construct {
  constructor(scope: Construct, id: string, props: OperationsProps) {
    super(scope, id);
    const { settings, functions, topic } = props;
    const { stack_name: stackName, operations } = settings;
    const metrics = new FlowMetrics(this, 'Metrics', { stackName, functions });
    const { alarms } = new Alarms(this, 'Alarms', { ...props, metrics });
    if (operations.dashboard) new Dashboard(this, 'Dashboard', { ...props, metrics, alarms });
    if (operations.monthly_budget_usd > 0) {
      new Budget(this, 'Budget', { stackName, monthlyUsd: operations.monthly_budget_usd, topic });
    }
  }
}
