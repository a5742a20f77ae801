"""The words of the scenario format as people read them: Chinese first, English beside it. Used by the proof of
service.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Words(NamedTuple):
    """The same words in Chinese and in English."""

    zh: str
    en: str


def named(table: Mapping[str, tuple[str, str]], key: str) -> Words:
    """The words for a term; a term without an entry speaks for itself."""
    return Words(*table.get(key, (key, key)))


OUTCOMES = {
    "served": ("已送达", "Served"),
    "presumed": ("推定送达", "Presumed served"),
    "deemed": ("视为送达", "Deemed served"),
    "not_served": ("未送达", "Not served"),
    "pending": ("送达中", "Pending"),
    "review": ("待人工审查", "Under review"),
    "forbidden": ("不得以此方式送达", "Channel not allowed"),
}

DOCUMENTS = {
    "complaint_copy": ("起诉状副本", "Copy of the complaint"),
    "answer_copy": ("答辩状副本", "Copy of the answer"),
    "appeal_copy": ("上诉状副本", "Copy of the appeal"),
    "evidence": ("证据材料", "Evidence"),
    "summons": ("传票", "Summons"),
    "hearing_notice": ("开庭通知", "Hearing notice"),
    "notice": ("通知书", "Notice"),
    "judgment": ("判决书", "Judgment"),
    "ruling": ("裁定书", "Ruling"),
    "mediation_statement": ("调解书", "Mediation statement"),
    "payment_order": ("支付令", "Payment order"),
    "detention_summons": ("拘传票", "Detention summons"),
    "indictment_copy": ("起诉书副本", "Copy of the indictment"),
    "assistance_notice": ("协助执行通知书", "Notice of assistance in enforcement"),
}

CHANNELS = {
    "email": ("电子邮件", "E-mail"),
    "sms": ("手机短信", "Text message"),
    "im": ("即时通讯", "Instant message"),
    "platform": ("送达平台", "Delivery platform"),
    "fax": ("传真", "Fax"),
    "post": ("法院专递（邮寄）", "Court express mail"),
    "phone": ("电话", "Telephone"),
    "in_person": ("直接送达", "In person"),
    "institution": ("转交", "Through an institution"),
    "entrusted": ("委托送达", "Through another court"),
    "notice": ("公告", "Public notice"),
}

BASES = {
    "confirmed": ("受送达人确认的送达地址", "Address confirmed by the recipient"),
    "volunteered": ("受送达人在诉讼材料中提供", "Named by the recipient in a pleading"),
    "agreed_for_litigation": ("诉前约定用于诉讼文书", "Agreed for court papers before the dispute"),
    "agreed_for_business": ("约定用于商务通知", "Agreed for business notices"),
    "own": ("证明为受送达人本人所有", "Shown to be the recipient's own"),
    "ladder_contract": ("合同约定地址", "Address in a contract"),
    "ladder_own_filing": ("本案自行提交材料中的地址", "Address in the recipient's own papers"),
    "ladder_other_case": ("一年内其他案件中的地址", "Address in other cases of the last year"),
    "ladder_regular_use": ("一年内经常使用的地址", "Address in regular use in the last year"),
    "registered": ("户籍或工商登记地址", "Registered address"),
    "opponent_given": ("对方当事人提供", "Named by the other party"),
    "found": ("法院查得", "Found by the court"),
    "none": ("不适用", "Not applicable"),
}

ROLES = {
    "plaintiff": ("原告", "Plaintiff"),
    "defendant": ("被告", "Defendant"),
    "third_party": ("第三人", "Third party"),
    "appellant": ("上诉人", "Appellant"),
    "appellee": ("被上诉人", "Appellee"),
    "debtor": ("债务人", "Debtor"),
    "accused": ("被告人", "Accused"),
    "defender": ("辩护人", "Defender"),
    "witness": ("证人", "Witness"),
    "assisting_body": ("协助执行单位", "Assisting body"),
}

RELATIONS = {
    "self": ("本人", "the recipient"),
    "legal_representative": ("法定代表人", "the legal representative"),
    "mailroom": ("收发室", "the mail room"),
    "guardian": ("监护人", "the guardian"),
    "litigation_agent": ("诉讼代理人", "the agent ad litem"),
    "designated_receiver": ("指定代收人", "the named receiver"),
    "spouse": ("配偶", "the spouse"),
    "child": ("子女", "a child"),
    "parent": ("父母", "a parent"),
    "sibling": ("兄弟姐妹", "a sibling"),
    "other_relative": ("其他亲属", "another relative"),
    "neighbour": ("邻居", "a neighbour"),
    "property_management": ("物业", "the property management"),
    "landlord": ("房东", "the landlord"),
    "colleague": ("同事", "a colleague"),
    "employer_head": ("所在单位负责人", "the responsible person of the employer"),
    "opponent": ("对方当事人", "the other party"),
    "parcel_locker": ("快递柜", "a parcel locker"),
    "unverified": ("身份未核实", "somebody not identified"),
    "wholly_owned_enterprise": ("独资企业", "the wholly-owned enterprise"),
    "representative_office": ("代表机构", "the representative office"),
    "branch": ("分支机构", "the branch"),
    "business_agent": ("有权接受送达的业务代办人", "the authorised business agent"),
    "co_defendant_company": ("共同被告公司", "the company sued beside the recipient"),
    "representative_in_china": ("在境内的代表人或负责人", "the representative or head found in China"),
}

FACTS = {
    "sent": ("已发送", "Sent"),
    "gateway_accepted": ("运营方已接收", "Taken over by the carrier"),
    "arrived": ("到达", "Arrived"),
    "bounced": ("退回（未到达）", "Bounced"),
    "read": ("核验身份后阅读", "Read after the identity check"),
    "replied": ("签收", "Signed for"),
    "wait_elapsed": ("等待期满", "Waiting time over"),
    "objection": ("提出异议", "Objection"),
    "objection_rejected": ("异议被驳回", "Objection rejected"),
    "procedural_act": ("实施诉讼行为", "Act in the proceedings"),
    "e_service_refused": ("拒绝电子送达", "Electronic service refused"),
    "hearing_missed": ("未到庭", "Did not come to the hearing"),
    "repudiated": ("反悔", "Repudiated"),
    "send_planned": ("拟发送", "About to be sent"),
    "annulled": ("推定被推翻", "Annulled"),
    "official_confirmation": ("工作人员确认", "Confirmed by an official"),
    "paper_requested": ("申请纸质文书", "Paper copy asked for"),
    "paper_handed_over": ("已交付纸质文书", "Paper copy handed over"),
    "posted": ("交邮", "Posted"),
    "delivery_attempt": ("投递未成", "Delivery tried in vain"),
    "contact_attempt": ("电话联系", "Contact tried"),
    "signed": ("签收", "Signed"),
    "refused": ("拒收", "Refused"),
    "returned": ("退回", "Returned"),
    "lost": ("丢失", "Lost"),
    "arrival_proved": ("证明到达时间", "Another arrival time proved"),
    "audit_finding": ("法院自查", "Finding of the court's audit"),
    "phone_call": ("电话通知", "Telephone call"),
    "address_changed": ("变更送达地址", "Address changed"),
    "content_mismatch": ("提出内件不符", "Content said to differ"),
    "left": ("留置", "Left"),
    "handed_over": ("转交", "Handed over"),
    "circumstances_found": ("认定收悉情况", "Circumstances found"),
    "collection_window": ("告知领取期间", "Told when to collect"),
    "pronounced": ("宣判", "Pronounced"),
    "notice_ordered": ("决定公告", "Public notice ordered"),
    "published": ("公告刊登", "Notice published"),
}

REASONS = {
    "mailbox_unknown": ("邮箱不存在", "no such mailbox"),
    "number_void": ("号码无效", "number void"),
    "mailbox_full": ("邮箱已满", "mailbox full"),
    "blocked": ("被拦截", "blocked"),
    "refused": ("拒收", "refused"),
    "unknown_person": ("查无此人", "unknown there"),
    "no_such_address": ("地址不详", "no such address"),
    "moved": ("迁移新址", "moved"),
    "nobody_home": ("无人在家", "nobody home"),
    "content_mismatch": ("内件不符", "content differs"),
    "not_read_by_recipient": ("非本人阅读", "not read by the recipient"),
    "read_by_other_person": ("他人阅读", "read by somebody else"),
    "address_not_used": ("非本人使用的地址", "address not used by the recipient"),
    "account_stolen": ("账号被盗用", "account stolen"),
    "system_error": ("系统错误", "system error"),
    "no_fault": ("本人无过错", "no fault of the recipient"),
}
