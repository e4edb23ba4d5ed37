import { createDuckdb } from './duckdb-harness.ts';
import { modelSuite } from './model/suite.ts';

modelSuite({ name: 'DuckDB', runs: 8, create: createDuckdb });
