"""Judge a plane by the data processing inequality: how a verdict comes about.

On a chain X -> Z_i -> Z_j the true information obeys I(X;Z_i) >= I(X;Z_j) and I(Z_i;Y) >= I(Z_j;Y).
Where an estimate does not, the network is not the cause. `check.check_dpi` says what is. Read the
modules in the order in which it uses them:

1. `evidence` opens what lies behind the numbers: the certificate of the chain, the activations and
   the codes of their rows, and what each estimator promises (its traits).
2. `leaks` compares exact codes. Rows that are equal at a layer must be equal at each layer behind
   it, but for rounding (`exact_codes`), and so must rows of equal inputs (`leaks`). Two rows
   that differ are a ``fault``: the stored layers do not come from one forward pass.
3. `layer_laws` judges every layer alone: 0 <= I(X;Z) <= H(X), 0 <= I(Z;Y) <= H(Y) and
   I(Z;Y) <= I(X;Z). A broken law is an error of the ``estimator``, or a ``violation`` where the
   estimator promises to obey it by arithmetic.
4. `layer_pairs` compares all pairs of layers at once. `certificate` says which pairs may be
   compared; the others are ``not comparable``. Two layers at their ceiling are ``untestable``. What
   is left are excesses: I_j - I_i beyond the tolerance.
5. `excess.judge_excess` looks at one excess without resampling. Exact codes that do not follow from
   those upstream are a ``fault``; cells with most rows alone are ``untestable``; an estimator that
   does not keep the chain is the cause itself (``estimator``); what is left is a ``violation``.
6. `check_pairs` takes each excess that is still open to `significance`, which estimates again from
   halves of the rows or with shuffled labels, and to `excess.explain_excess`: an excess that is
   the bias of its cells is ``ok``, one that chance explains is ``sampling`` (Holm over the pairs of
   a checkpoint, then Benjamini-Hochberg over the run), one that shrinks with the rows is ``bias``.
7. `episodes` joins equal findings of consecutive checkpoints, and `report_cache` stores the report.

Only ``fault`` and ``violation`` fail a check. docs/verdicts.md tells users the same in a table.
"""
