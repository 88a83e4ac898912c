// How is an alert asked for, and which words does it know?
import { get, type Schemas } from './client';

export type Alert = Schemas['Alert'];
export type Summary = Schemas['AlertSummary'];
export type Finding = Schemas['Finding'];

export const alertOf = (id: string): Promise<Alert> => get('/v1/alerts/{id}', undefined, [id]);

/** All words of a set, in this order: a word that the contract adds is missed here by the compiler. */
const words = <T extends string>(all: Record<T, string>) => Object.entries(all) as [T, string][];

export const LEVELS = words<Schemas['Level']>({ critical: '', high: '', medium: '', low: '', informational: '' }).map(([level]) => level);
export const STATUSES = words<Schemas['AlertStatus']>({ open: '', investigating: '', contained: '', resolved: '' }).map(([status]) => status);
export const RESOLUTIONS = words<Schemas['Resolution']>({
  'true-positive-remediated': 'True positive, remediated',
  'false-positive': 'False positive',
  expected: 'Expected',
  testing: 'Testing',
  'not-enough-information': 'Not enough information',
  other: 'Other',
});
