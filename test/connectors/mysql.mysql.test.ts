import { destinationSuite } from './conformance.ts';
import { replaceSuite } from './conformance-replace.ts';
import { createMysql } from './mysql-harness.ts';

const create = () => createMysql('mysql');

destinationSuite({ name: 'MySQL', create });
replaceSuite({ name: 'MySQL', create });
