/**
 * What AWS charges for everything but instances, US dollars in us-east-1: as remembered on 24 November 2026 from the services' pricing
 * pages, check before use. Free tiers are left out unless they never end.
 */
export const AWS_PRICES = {
  /** A million write request units. */
  dynamodbWrites: 0.625,
  /** A million read request units. */
  dynamodbReads: 0.125,
  /** A thousand PUT requests. */
  s3Puts: 0.005,
  /** A thousand GET and HEAD requests. */
  s3Gets: 0.0004,
  /** A million requests beyond the first, which is free every month. */
  sqsRequests: 0.4,
  sqsFreeRequests: 1_000_000,
  /** A GB second on arm64. */
  lambdaGbSecond: 0.0000133334,
  /** A million calls. */
  lambdaCalls: 0.2,
  /** GB of logs taken in. */
  logs: 0.5,
  /** A secret for a month. */
  secret: 0.4,
  /** A metric of an alarm for a month, beyond ten in the account. */
  alarmMetric: 0.1,
  freeAlarmMetrics: 10,
  /** A dashboard for a month, beyond three in the account. */
  dashboard: 3,
  /** A key for a month. */
  kmsKey: 1,
  /** An interface endpoint in one zone for an hour. */
  endpointHour: 0.01,
  /** A public IPv4 address for an hour. */
  addressHour: 0.005,
  /** GB of a gp3 disk for a month. */
  diskGb: 0.08,
  /** GB of images in ECR for a month. */
  imageGb: 0.1,
} as const;

export const HOURS_A_MONTH = 730;
