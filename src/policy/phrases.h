/* The phrases of `agreement explain`, in English, Japanese and Korean; one row each. Private to this room. %s stands
 * for what is filled in, in the same order in every language. */
#ifndef RENKEI_POLICY_PHRASES_H
#define RENKEI_POLICY_PHRASES_H

#define POLICY_PHRASES(X)                                                                                              \
    X(PARTIES, "Parties", "当事者", "당사자")                                                                          \
    X(IN_FORCE, "In force from %s to %s, inclusive.", "%sから%sまで有効とする。", "%s부터 %s까지 유효하다.")           \
    X(REVIEW, "To be reviewed on %s.", "見直し期日：%s。", "재검토 기일: %s.")                                         \
    X(AMENDS, "It amends an earlier version.", "以前の版を改正するものである。", "이전 판을 개정한 것이다.")           \
    X(DIRECTION, "What %s gives to %s", "%s が %s に提供するもの", "%s → %s 제공 사항")                                \
    X(ORDER, "The first clause that applies decides. What no clause covers is withheld.",                              \
      "最初に当てはまる条項を適用する。どの条項にも当てはまらないものは提供しない。",                                  \
      "가장 먼저 해당하는 조항을 적용한다. 어느 조항에도 해당하지 않는 것은 제공하지 않는다.")                         \
    X(NO_RULES, "Nothing is released.", "何も提供しない。", "아무것도 제공하지 않는다.")                               \
    X(NO_TLP_AS, "What carries no TLP counts as %s.", "TLP の表示がないものは %s とみなす。",                          \
      "TLP 표시가 없는 것은 %s 표시가 있는 것으로 본다.")                                                              \
    X(NO_TLP_WITHHELD, "What carries no TLP is withheld.", "TLP の表示がないものは提供しない。",                       \
      "TLP 표시가 없는 것은 제공하지 않는다.")                                                                         \
    X(RELEASE, "Clause %s: released.", "条項 %s：提供する。", "조항 %s: 제공한다.")                                    \
    X(WITHHOLD, "Clause %s: withheld.", "条項 %s：提供しない。", "조항 %s: 제공하지 않는다.")                          \
    X(PERMIT, "Clause %s: may be passed on.", "条項 %s：第三者に提供してよい。", "조항 %s: 제3자에게 제공할 수 있다.") \
    X(CONSENT, "Clause %s: may be passed on with the originator's consent.",                                           \
      "条項 %s：情報源の同意を得て第三者に提供してよい。", "조항 %s: 출처의 동의를 받아 제3자에게 제공할 수 있다.")    \
    X(FORBID, "Clause %s: may not be passed on.", "条項 %s：第三者に提供してはならない。",                             \
      "조항 %s: 제3자에게 제공할 수 없다.")                                                                            \
    X(ONWARD, "Passing on to third parties (otherwise forbidden):", "第三者への提供（定めのない場合は禁止）：",        \
      "제3자 제공(정함이 없으면 금지):")                                                                               \
    X(TYPES, "kinds of object: %s", "オブジェクトの種類：%s", "객체의 종류: %s")                                       \
    X(LEVELS, "TLP: %s", "TLP：%s", "TLP: %s")                                                                         \
    X(PAPS, "PAP: %s", "PAP：%s", "PAP: %s")                                                                           \
    X(ANY_OF, "at least one of the following (%s): %s", "次のいずれか（%s）：%s", "다음 중 하나 이상(%s): %s")         \
    X(NONE_OF, "none of the following (%s): %s", "次のいずれでもない（%s）：%s", "다음 중 어느 것도 아님(%s): %s")     \
    X(CONFIDENCE, "confidence from %s to %s", "確度 %s から %s まで", "신뢰도 %s에서 %s까지")                          \
    X(CONFIDENCE_ABSENT, "or without a confidence", "または確度の記載なし", "또는 신뢰도 기재 없음")                   \
    X(AGE, "this version %s to %s days old", "版の日時から %s 日以上 %s 日以内のもの",                                 \
      "판의 일시로부터 %s일 이상 %s일 이내인 것")                                                                      \
    X(UNLIMITED, "this version at least %s days old", "版の日時から %s 日以上たったもの",                              \
      "판의 일시로부터 %s일 이상 지난 것")                                                                             \
    X(WHEN, "and this expression holds: %s", "次の式が成り立つこと：%s", "다음 식이 성립할 것: %s")                    \
    X(EVERYTHING, "everything", "すべて", "모든 것")                                                                   \
    X(EMBARGO, "not before %s days have passed", "%s 日を経過するまでは提供しない",                                    \
      "%s일이 지나기 전에는 제공하지 않음")                                                                            \
    X(EXPIRY, "not after %s days", "%s 日を経過した後は提供しない", "%s일이 지난 뒤에는 제공하지 않음")                \
    X(REDACTED, "left out: %s", "削除する項目：%s", "삭제하는 항목: %s")                                               \
    X(HOPS, "passed on at most %s times in all", "提供は通算 %s 回まで", "제공은 모두 %s회까지")                       \
    X(TO, "to: %s", "提供先：%s", "제공 대상: %s")                                                                     \
    X(SIGHTINGS, "%s reports back what it sees of this.", "%s は、これに関する検知を報告する。",                       \
      "이에 관한 %s 측의 탐지는 보고한다.")                                                                            \
    X(SIGHTINGS_NOT, "%s reports no sightings of this.", "%s は、これに関する検知を報告しない。",                      \
      "이에 관한 %s 측의 탐지는 보고하지 않는다.")                                                                     \
    X(MEMBER, "The agency that saw it may be named.", "検知した機関の名を示してよい。",                                \
      "탐지한 기관의 이름을 밝힐 수 있다.")                                                                            \
    X(MEMBER_NOT, "The agency that saw it is not named.", "検知した機関の名は示さない。",                              \
      "탐지한 기관의 이름은 밝히지 않는다.")                                                                           \
    X(OPINIONS, "%s may send opinions on this.", "%s は、これに関する意見を送ってよい。",                              \
      "이에 관한 %s 측의 의견을 보낼 수 있다.")                                                                        \
    X(REQUESTS, "%s may send requests about this.", "%s は、これに関する照会を送ってよい。",                           \
      "이에 관한 %s 측의 요청을 보낼 수 있다.")                                                                        \
    X(REDACT_CREATOR, "the creator is not named", "作成者の名は示さない", "작성자는 밝히지 않음")                      \
    X(REDACT_REFERENCES, "external references are left out", "外部参照は削除する", "외부 참조는 삭제함")               \
    X(REDACT_DESCRIPTIONS, "descriptions are left out", "説明文は削除する", "설명은 삭제함")                           \
    X(REDACT_TIMES, "times are made coarser, to %s days", "時刻は %s 日の単位に粗くする",                              \
      "시각은 %s일 단위로 개략화함")                                                                                   \
    X(REDACT_MARK, "marked %s: %s", "%s の表示を付ける項目：%s", "%s 표시를 붙이는 항목: %s")                          \
    X(PURPOSE_PAP, "what the receiver may do with it: PAP:%s", "提供先での取扱い：PAP:%s",                             \
      "제공받은 측의 취급: PAP:%s")                                                                                    \
    X(PURPOSE_ACTIONS, "permitted actions: %s", "許される措置：%s", "허용되는 조치: %s")                               \
    X(PURPOSE_NOTIFICATIONS, "notifying affected parties: %s", "影響を受ける者への通知：%s",                           \
      "영향을 받는 자에 대한 통지: %s")                                                                                \
    X(PURPOSE_ATTRIBUTION, "naming the provider: %s", "提供者の明示：%s", "제공자 명시: %s")                           \
    X(PURPOSE_RESALE, "resale unmodified: %s", "そのままの再販：%s", "그대로의 재판매: %s")                            \
    X(PURPOSES, "Use of everything released, where a clause does not say otherwise:",                                  \
      "提供したものの利用（条項に別の定めがある場合を除く）：", "제공한 것의 이용(조항에 따로 정한 경우 제외):")       \
    X(FACT_TYPE, "kind", "種類", "종류")                                                                               \
    X(FACT_LABEL, "label", "ラベル", "레이블")                                                                         \
    X(FACT_MARKING, "marking", "表示", "표시")                                                                         \
    X(FACT_CREATOR, "creator", "作成者", "작성자")                                                                     \
    X(FACT_SOURCE, "where it came from", "入手元", "입수처")                                                           \
    X(FACT_SECTOR, "sector", "分野", "분야")                                                                           \
    X(FACT_INDICATOR_TYPE, "kind of indicator", "指標の種類", "지표의 종류")                                           \
    X(FACT_OBSERVES, "what the pattern observes", "観測対象", "관측 대상")                                             \
    X(FACT_ATTACK, "ATT&CK", "ATT&CK", "ATT&CK")                                                                       \
    X(FACT_LANGUAGE, "language", "言語", "언어")                                                                       \
    X(DUTY_REPORT_SIGHTINGS, "to report sightings", "検知の報告", "탐지 보고")                                         \
    X(DUTY_CONFIRM_WITHDRAWALS, "to confirm withdrawals", "撤回の確認", "철회 확인")                                   \
    X(DUTY_CONFIRM_ERASURES, "to confirm erasures", "消去の確認", "삭제 확인")                                         \
    X(DUTY_ANSWER_REQUESTS, "to answer requests", "照会への回答", "요청에 대한 회답")                                  \
    X(DUTY_SHARE, "to share", "情報の提供", "정보 제공")                                                               \
    X(DUTY_CONSULT, "to consult", "協議", "협의")                                                                      \
    X(DUTY_EXERCISE, "to exercise together", "共同演習", "공동 연습")                                                  \
    X(DUTY_TRAIN, "to train together", "共同訓練", "공동 훈련")                                                        \
    X(DUTY_REVIEW, "to review the agreement", "取決めの見直し", "약정 재검토")                                         \
    X(OBLIGATIONS, "Obligations", "義務", "의무")                                                                      \
    X(OWED_BY_ALL, "all parties", "すべての当事者", "모든 당사자")                                                     \
    X(WITHIN, "within %s days", "%s 日以内", "%s일 이내")                                                              \
    X(EVERY, "every %s days", "%s 日ごと", "%s일마다")

enum policy_phrase {
#define X(name, en, ja, ko) PHRASE_##name,
    POLICY_PHRASES(X)
#undef X
        PHRASE_COUNT
};

#endif
