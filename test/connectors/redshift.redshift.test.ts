import { destinationSuite } from './conformance.ts';
import { replaceSuite } from './conformance-replace.ts';
import { createRedshift } from './redshift-harness.ts';

destinationSuite({ name: 'Redshift (a stand-in)', create: createRedshift });
replaceSuite({ name: 'Redshift (a stand-in)', create: createRedshift });
