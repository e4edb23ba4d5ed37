import { defineSearchAttributeKey } from '@temporalio/common';
import { searchAttributes } from './messages.ts';

const { status, records, checkpointAt } = searchAttributes;

export const statusKey = defineSearchAttributeKey(status.name, status.type);
export const recordsKey = defineSearchAttributeKey(records.name, records.type);
export const checkpointAtKey = defineSearchAttributeKey(checkpointAt.name, checkpointAt.type);
