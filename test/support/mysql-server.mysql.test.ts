import { testMysql, type TestMysql } from './mysql.ts';
import type { MysqlFlavour } from './mysql-server.ts';

describe.each<[MysqlFlavour, RegExp]>([
  ['mysql', /^9\./],
  ['mariadb', /MariaDB/],
])('the %s server of the tests', (flavour, version) => {
  let database: TestMysql;
  beforeAll(async () => {
    database = await testMysql(flavour);
  });
  afterAll(() => database.drop());

  test('is what its name says, and loads what its client sends', async () => {
    const [row] = await database.query('SELECT version() AS version, @@local_infile AS local');
    expect(row!['version']).toMatch(version);
    expect(row!['local']).toBe('1');
  });
});
