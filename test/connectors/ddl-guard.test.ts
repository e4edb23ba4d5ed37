import { createDdlGuard, listen } from './ddl-guard.ts';

class Driver {
  query(sql: string | { readonly text: string }): string {
    return typeof sql === 'string' ? sql : sql.text;
  }
}

test('a definition between BEGIN and COMMIT is told, of each connection by itself', () => {
  const guard = createDdlGuard([/^DROP TABLE old$/]);
  listen(Driver, 'query', guard);
  const [one, other] = [new Driver(), new Driver()];
  for (const sql of ['CREATE TABLE a (x int)', 'BEGIN', 'INSERT INTO a VALUES (1)']) one.query(sql);
  for (const sql of ['CREATE TEMPORARY TABLE t (x int)', 'DROP TABLE IF EXISTS pg_temp.t'])
    one.query(sql);
  one.query("INSERT INTO a VALUES ('it''s; DROP TABLE a')");
  other.query('ALTER TABLE b ADD COLUMN y int');
  expect(one.query('DROP TABLE old')).toBe('DROP TABLE old');
  guard.check();
  one.query({ text: 'ALTER TABLE a ADD COLUMN y int' });
  expect(() => guard.check()).toThrow('ALTER TABLE a ADD COLUMN y int');
  one.query("SELECT 'x'; DROP TABLE a");
  expect(() => guard.check()).toThrow('DROP TABLE a');
  one.query('COMMIT');
  one.query('DROP TABLE a');
  guard.check();
});
