import { destinationSuite } from '../conformance.ts';
import { replaceSuite } from '../conformance-replace.ts';
import { createWarehouse } from './harness.ts';

const create = () => createWarehouse();
destinationSuite({ name: 'A warehouse', create });
replaceSuite({ name: 'A warehouse', create });
