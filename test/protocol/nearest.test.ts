import { nearest, suggestion } from '../../protocol/nearest.ts';

const known = ['orders', 'customers', 'url', 'id'];

test('guesses a name that is close: a third of its letters or a swap, in any case', () => {
  const typed = ['ordrs', 'ORDERS', 'custmoers', 'ulr', 'i'];
  expect(typed.map((name) => nearest(name, known))).toEqual([
    'orders',
    'orders',
    'customers',
    'url',
    'id',
  ]);
});

test('guesses nothing when no name is close', () => {
  expect(['zzz', 'xy', 'payments', ''].map((name) => nearest(name, known))).toEqual(
    Array(4).fill(undefined),
  );
});

test('of several it guesses the closest', () => {
  expect(nearest('write_slot', ['write_lots', 'write_slots'])).toBe('write_slots');
});

test('a remedy names the guess, else all there are', () => {
  expect(suggestion('ordrs', known)).toBe('Did you mean orders?');
  expect(suggestion('zzz', ['orders', 'customers'])).toBe('Known: orders, customers.');
  expect(suggestion('zzz', [])).toBe('There is none.');
});
