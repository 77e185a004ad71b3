import { type Resource, resourceOf, resourcesOf, stackTemplate } from '../stack-template';

test('warns of what was spent and of what will be, for what bears the tag of the stack', () => {
  const template = stackTemplate({ stack_name: 'shop', operations: { monthly_budget_usd: 750.5 } });
  const [budget, ...more] = Object.values(resourcesOf(template, 'AWS::Budgets::Budget'));
  expect(more).toEqual([]);
  expect(budget?.Properties.Budget).toEqual({
    BudgetType: 'COST',
    TimeUnit: 'MONTHLY',
    BudgetLimit: { Amount: 750.5, Unit: 'USD' },
    CostFilters: { TagKeyValue: ['user:mv2id:stack$shop'] },
  });
  const [topic] = resourceOf(template, 'AWS::SNS::Topic', 'Alerts');
  const notifications = budget?.Properties.NotificationsWithSubscribers;
  expect(
    notifications.map(({ Notification }: Resource['Properties']) => [
      Notification.NotificationType,
      Notification.Threshold,
    ]),
  ).toEqual([
    ['ACTUAL', 80],
    ['ACTUAL', 100],
    ['FORECASTED', 100],
  ]);
  for (const { Subscribers } of notifications) {
    expect(Subscribers).toEqual([{ SubscriptionType: 'SNS', Address: { Ref: topic } }]);
  }
});

test('the tag is on what costs', () => {
  const template = stackTemplate({ stack_name: 'shop' });
  for (const type of ['AWS::S3::Bucket', 'AWS::Lambda::Function', 'AWS::SQS::Queue', 'AWS::SecretsManager::Secret']) {
    for (const { Properties } of Object.values(resourcesOf(template, type))) {
      expect(Properties.Tags).toContainEqual({ Key: 'mv2id:stack', Value: 'shop' });
    }
  }
});

test('the tag is on the instances, which cost most', () => {
  const environments = Object.values(
    resourcesOf(stackTemplate({ stack_name: 'shop' }), 'AWS::Batch::ComputeEnvironment'),
  );
  expect(environments).toHaveLength(2);
  for (const { Properties } of environments) {
    expect(Properties.ComputeResources.Tags).toMatchObject({ 'mv2id:stack': 'shop' });
  }
});

test('0 is none', () => {
  const template = stackTemplate({ operations: { monthly_budget_usd: 0 } });
  expect(resourcesOf(template, 'AWS::Budgets::Budget')).toEqual({});
});
