import { modelSuite } from './model/suite.ts';
import { createMysql } from './mysql-harness.ts';

modelSuite({ name: 'MySQL', runs: 8, create: () => createMysql('mysql') });
