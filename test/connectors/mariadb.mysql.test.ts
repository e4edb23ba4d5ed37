import { destinationSuite } from './conformance.ts';
import { replaceSuite } from './conformance-replace.ts';
import { createMysql } from './mysql-harness.ts';

const create = () => createMysql('mariadb');

destinationSuite({ name: 'MariaDB', create });
replaceSuite({ name: 'MariaDB', create });
