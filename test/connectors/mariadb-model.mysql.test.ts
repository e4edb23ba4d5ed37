import { modelSuite } from './model/suite.ts';
import { createMysql } from './mysql-harness.ts';

modelSuite({ name: 'MariaDB', runs: 8, create: () => createMysql('mariadb') });
