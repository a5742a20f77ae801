"""The closed lists of words that a filing and a fact may use: those of the published scenario format, letter by letter.

Their order is that of the scenario format, so that a message which lists them reads like its page.
"""

from __future__ import annotations

CASE_KINDS = ("civil", "administrative", "criminal")
PROCEDURES = ("ordinary", "simplified", "small_claims", "payment_order", "enforcement", "expedited")
STAGES = ("first_instance", "second_instance", "retrial", "enforcement")
COURTS = ("ordinary", "internet", "pilot")

DOCUMENT_TYPES = (
    "complaint_copy",
    "answer_copy",
    "appeal_copy",
    "evidence",
    "summons",
    "hearing_notice",
    "notice",
    "judgment",
    "ruling",
    "mediation_statement",
    "payment_order",
    "detention_summons",
    "indictment_copy",
    "assistance_notice",
)

ROLES = (
    "plaintiff",
    "defendant",
    "third_party",
    "appellant",
    "appellee",
    "debtor",
    "accused",
    "defender",
    "witness",
    "assisting_body",
)
RECIPIENT_KINDS = ("natural_person", "entity")
DOMICILES = ("mainland", "hong_kong", "macau", "taiwan", "foreign")
STANDINGS = (
    "normal",
    "minor",
    "incapacitated",
    "imprisoned",
    "compulsory_education",
    "soldier",
    "deceased",
    "deregistered",
)
CONSENT_BASES = ("express", "prior_agreement", "volunteered", "conduct")

REPRESENTATIVE_KINDS = (
    "guardian",
    "litigation_agent",
    "designated_receiver",
    "prison",
    "education_institution",
    "military_unit",
    "wholly_owned_enterprise",
    "representative_office",
    "branch",
    "business_agent",
    "co_defendant_company",
    "representative_in_china",
)
RECEIPT_AUTHORITIES = ("express", "silent", "excluded")

CHANNELS = (
    "email",
    "sms",
    "im",
    "platform",
    "fax",
    "phone",
    "post",
    "in_person",
    "institution",
    "entrusted",
    "notice",
)
ADDRESS_BASES = (
    "confirmed",
    "volunteered",
    "agreed_for_litigation",
    "agreed_for_business",
    "own",
    "ladder_contract",
    "ladder_own_filing",
    "ladder_other_case",
    "ladder_regular_use",
    "registered",
    "opponent_given",
    "found",
    "none",
)
OWNERSHIP_PROOFS = ("telecom_real_name", "platform_real_name", "correspondence")
ADDRESS_FAULTS = ("inaccurate", "change_not_notified", "withheld")
PLACES = ("home", "workplace", "registered_seat")

RELATIONS = (
    "self",
    "legal_representative",
    "mailroom",
    "guardian",
    "litigation_agent",
    "designated_receiver",
    "spouse",
    "child",
    "parent",
    "sibling",
    "other_relative",
    "employer_head",
    "neighbour",
    "landlord",
    "property_management",
    "parcel_locker",
    "colleague",
    "opponent",
    "unverified",
    "wholly_owned_enterprise",
    "representative_office",
    "branch",
    "business_agent",
    "co_defendant_company",
    "representative_in_china",
)
CLAIMS = (
    "not_read_by_recipient",
    "read_by_other_person",
    "address_not_used",
    "account_stolen",
    "system_error",
    "no_fault",
)
ACTS = ("filed_answer", "filed_evidence", "filed_appeal", "attended_hearing")
CARRIERS = ("state_post", "commercial_courier")
DECIDERS = ("judge", "clerk")
RETURN_REASONS = ("refused", "unknown_person", "no_such_address", "moved", "nobody_home", "content_mismatch")
CONTACT_MEANS = ("phone", "other")
CONTACT_RESULTS = ("no_answer", "number_void", "reached")

NEXT_STEPS = (
    "clerk_confirm",
    "poll_delivery_report",
    "await_response",
    "await_signature",
    "await_notice_period",
    "track_mail",
    "phone_confirm",
    "prove_ownership",
    "ask_consent",
    "mail",
    "repost_mail",
    "direct_service",
    "send_to_new_address",
    "serve_again",
    "serve_guardian",
    "serve_party",
    "serve_successor",
    "serve_via_institution",
    "other_foreign_way",
    "convert_procedure",
    "exhaust_other_methods",
    "fix_notice",
    "address_lookup",
    "cure_evidence",
    "judge_decision",
    "send_paper_copy",
    "end_procedure",
)

ROW_FLAGS = (
    "consent_by_conduct",
    "deadline_frozen",
    "paper_copy_due",
    "binding",
    "default_judgment_allowed",
    "hearing_notice_in_time",
    "incident",
    "legal_opinion_due",
)
"""Flags that a row may set; the others follow from several attempts."""
