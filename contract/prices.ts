/**
 * What an hour of an instance costs: a table that stands in prices.json, so that whoever pays can edit it. It is bundled into every
 * program; an edit takes effect with the next deployment. A region or an instance type that is not in it has no price: better none
 * than a wrong one.
 */
import { z } from 'zod';
import { type FieldError, fieldErrors } from './field-error';
import bundled from './prices.json';

const InstanceType = z
  .string()
  .regex(/^[a-z][a-z0-9-]*\.[a-z0-9-]+$/)
  .meta({ rule: 'an EC2 instance type, such as g6e.2xlarge' });
const Region = z
  .string()
  .regex(/^[a-z]{2}(-[a-z]+)+-\d$/)
  .meta({ rule: 'a region of AWS, such as us-east-1' });
const UsdPerHour = z
  .number()
  .positive()
  .max(10_000)
  .meta({ rule: 'US dollars an hour, more than 0 and at most 10000' });

const RegionPricesSchema = z.strictObject({
  /** Spot price as a share of the On-Demand price, for types that `spot` does not list. */
  spot_share: z.number().positive().max(1).meta({ rule: 'a number above 0 and up to 1' }),
  /** The whole instance, Linux. */
  on_demand: z.record(InstanceType, UsdPerHour),
  /** Typical; the real one changes by zone and hour. */
  spot: z.record(InstanceType, UsdPerHour),
});

export const PriceTableSchema = z
  .strictObject({
    schema_version: z.literal(1),
    as_of: z.iso.date().meta({ rule: 'the day that the prices are of (2026-09-25)' }),
    /** Whether somebody has read the prices at their source on that day. */
    is_checked: z.boolean().meta({ rule: 'true or false' }),
    source: z.string().min(1).meta({ rule: 'a text that says where the prices are from' }),
    /** How many GPUs an instance has: a job takes one of them. */
    gpus: z.record(InstanceType, z.int().min(1).max(16).meta({ rule: 'a whole number from 1 to 16' })),
    regions: z.record(Region, RegionPricesSchema),
  })
  .superRefine(({ gpus, regions }, context) => {
    const priced = Object.values(regions).flatMap(({ on_demand, spot }) => [on_demand, spot].flatMap(Object.keys));
    for (const type of new Set(priced)) {
      if (gpus[type] === undefined) context.addIssue({ code: 'custom', path: ['gpus', type] });
    }
  });
export type PriceTable = z.output<typeof PriceTableSchema>;

/** Every field that is wrong, or an empty list. @param name of the table in messages: a file. */
export function priceTableErrors(value: unknown, name: string): FieldError[] {
  return fieldErrors(PriceTableSchema, value, name);
}

/**
 * The table of prices.json.
 * @throws Error with every field that is wrong.
 */
export function bundledPrices(): PriceTable {
  checked ??= requirePrices(bundled, 'contract/prices.json');
  return checked;
}

let checked: PriceTable | undefined;

function requirePrices(value: unknown, name: string): PriceTable {
  const errors = priceTableErrors(value, name);
  if (errors.length > 0) throw new Error(`${name}: ${errors.map(({ message }) => message).join(' ')}`);
  return value as PriceTable;
}

/** Of one GPU, US dollars an hour; null where the table has no price for it. */
export function gpuHourUsd(
  { gpus, regions }: PriceTable,
  place: { readonly region: string | null; readonly instanceType: string; readonly capacity: 'spot' | 'on_demand' },
): number | null {
  const prices = place.region === null ? undefined : regions[place.region];
  const number = gpus[place.instanceType];
  const onDemand = prices?.on_demand[place.instanceType];
  if (!prices || number === undefined || onDemand === undefined) return null;
  const hour = place.capacity === 'spot' ? (prices.spot[place.instanceType] ?? onDemand * prices.spot_share) : onDemand;
  return hour / number;
}
