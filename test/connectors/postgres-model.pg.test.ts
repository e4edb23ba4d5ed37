import { modelSuite } from './model/suite.ts';
import { createPostgres } from './postgres-harness.ts';

modelSuite({ name: 'Postgres', runs: 25, create: createPostgres });
