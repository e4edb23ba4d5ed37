import { loaderSuite } from './mysql-loader.ts';
import { rowSuite } from './mysql-rows.ts';

loaderSuite('MariaDB', 'mariadb');
rowSuite('MariaDB', 'mariadb');
