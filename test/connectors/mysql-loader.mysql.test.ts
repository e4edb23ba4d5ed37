import { loaderSuite } from './mysql-loader.ts';
import { rowSuite } from './mysql-rows.ts';

loaderSuite('MySQL', 'mysql');
rowSuite('MySQL', 'mysql');
