"""The national indicators of a borough's quarter: C1 to C8, each as the published guidance has it.

Source of all: domain facts 3, which name the page of each. What is unknown there is not guessed here: the value is then
`NotAssessable` and says why. Children are counted, not mothers (twins are two); C1 counts mothers. Reviews by family
nurses are included, and nobody is asked for a GP.

code              counts                                            of the children who
C1                first antenatal contact at 28 weeks or above      - (a count: no denominator exists)
C2, C3            face-to-face new birth visit by a health          turned 30 days (published birth-date table)
                  visitor within 14 days; after 14 days
C8i               6 to 8 week review by 56 days                     reached 56 days
C8ii              totally or partially breastfed at 6 to 8 weeks    reached 56 days, reviewed or not
C4, C5            1 year review by 12, by 15 months                 turned 12, turned 15 months
C6i               2 year review by the end of the quarter           turned 30 months, but for those who died before it
C6ii              ASQ-3 was used                                    (of the reviews of C6i)
C6-<domain>       at or above the threshold of form and domain      (of the reviews of C6i with points in the domain)
all-five          at or above in all five domains                   not known
C7                not known                                         not known

Visitors use `quarter.of_quarter`, or one indicator: `visits` (C1, C2, C3), `reviewed` (C8i, C8ii, C4, C5, C6i) and
`development` (C6ii, domains, all five). `values` has what they are given and give, `cohorts` whose children are asked.

C6-<domain> are C6iii to C6vii: which numeral is which domain was not in the text we could read, so they go by name.
"""
