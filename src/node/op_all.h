/* The operations this floor's table names; each is described at its definition in node/op_*.c. */
#ifndef RENKEI_NODE_OP_ALL_H
#define RENKEI_NODE_OP_ALL_H

#include "node/op.h"

#define OPERATION(name) enum err name(struct op_call *call, struct diag *d)
OPERATION(op_ledger_alarms);
OPERATION(op_ledger_audit);
OPERATION(op_ledger_check_receipt);
OPERATION(op_card);
OPERATION(op_erase);
OPERATION(op_erase_accept);
OPERATION(op_erase_refuse);
OPERATION(op_erase_lift);
OPERATION(op_erase_scrub);
OPERATION(op_erase_list);
OPERATION(op_erase_requests);
OPERATION(op_token_add);
OPERATION(op_token_list);
OPERATION(op_token_revoke);
OPERATION(op_party_add);
OPERATION(op_party_list);
OPERATION(op_party_remove);
OPERATION(op_key_rotate);
OPERATION(op_agreement_sign);
OPERATION(op_agreement_add);
OPERATION(op_agreement_diff);
OPERATION(op_agreement_list);
OPERATION(op_agreement_show);
OPERATION(op_consent_give);
OPERATION(op_consent_add);
OPERATION(op_consent_remove);
OPERATION(op_consent_list);
OPERATION(op_consent_wanted);
OPERATION(op_agreement_terminate);
OPERATION(op_agreement_terminated);
OPERATION(op_import_stix);
OPERATION(op_import_list);
OPERATION(op_import_misp);
OPERATION(op_search);
OPERATION(op_show);
OPERATION(op_release);
OPERATION(op_why);
OPERATION(op_withdraw);
OPERATION(op_withdraw_no_longer);
OPERATION(op_disclosed);
OPERATION(op_ledger_show);
OPERATION(op_ledger_entries);
OPERATION(op_ledger_verify);
OPERATION(op_ledger_prove);
OPERATION(op_sighting_add);
OPERATION(op_warninglist_add);
OPERATION(op_warninglist_list);
OPERATION(op_warninglist_show);
OPERATION(op_warninglist_remove);
OPERATION(op_warninglist_check);
OPERATION(op_suppress_add);
OPERATION(op_suppress_list);
OPERATION(op_suppress_remove);
OPERATION(op_account_add);
OPERATION(op_account_change);
OPERATION(op_account_password);
OPERATION(op_account_list);
OPERATION(op_policy_install);
OPERATION(op_policy_show);
OPERATION(op_queue_list);
OPERATION(op_queue_approve);
OPERATION(op_queue_refuse);
OPERATION(op_collection_create);
OPERATION(op_collection_list);
OPERATION(op_collection_show);
OPERATION(op_collection_grant);
OPERATION(op_collection_revoke);
OPERATION(op_collection_delete);
OPERATION(op_quarantine_list);
OPERATION(op_quarantine_accept);
OPERATION(op_quarantine_refuse);
OPERATION(op_audit_list);
OPERATION(op_audit_verify);
OPERATION(op_backup);
OPERATION(op_restore_status);
OPERATION(op_restore_close);
OPERATION(op_export);
OPERATION(op_status);
#undef OPERATION

#endif
