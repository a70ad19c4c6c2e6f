"""
An effect through the year
==========================

Warmth helps where and when it is cold, and harms where and when it is hot. We fit a
simulated planet of which this is true, and follow the learned effect of temperature
through the year in three belts of latitude.
"""

# %%
# Each row gets its own slope of the prediction by temperature. As the planet is
# simulated, each row also has a true one. Fifteen passes over the rows instead of 30
# keep this page quick.

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import train_test_split

from spatialheteroreg import STCGRegressor
from spatialheteroreg.datasets import make_heterogeneous_globe

globe = make_heterogeneous_globe(
    n_samples=8_000, n_locations=600, n_years=1, random_state=0
)
X_train, X_test, y_train, y_test = train_test_split(
    globe.data, globe.target, test_size=0.25, random_state=0
)
model = STCGRegressor(max_iter=15, random_state=0).fit(X_train, y_train)

effects = pd.DataFrame(
    {
        "learned": model.local_effects(X_test)["temperature"],
        "true": globe.local_effects["temperature"].loc[X_test.index],
        "month": X_test["time"].dt.month,
        "belt": pd.cut(X_test["lat"], [-90, -30, 30, 90]),
    }
)
print(effects[["learned", "true"]].corr().loc["learned", "true"].round(3))

# %%
# Lines are means over the held-out rows of a belt and a month, for 10 °C more. North
# and south have their seasons at opposite times of the year.

means = 10 * effects.groupby(["belt", "month"], observed=True).mean().unstack("belt")
belts = ["south of 30° S", "30° S to 30° N", "north of 30° N"]

figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
for column, belt in enumerate(belts):
    color = f"C{column}"
    axes.plot(means["true"].iloc[:, column], "--", color=color, linewidth=1)
    axes.plot(means["learned"].iloc[:, column], "o-", color=color, label=belt)
axes.plot([], [], "--", color="0.3", linewidth=1, label="truth")
axes.axhline(0, color="0.6", linewidth=0.8)
axes.set_xticks(range(1, 13), list("JFMAMJJASOND"))
axes.set(
    xlabel="month",
    ylabel="change of the target for 10 °C more",
    title="Learned effect of temperature on held-out rows",
)
axes.legend(frameon=False, ncols=4, loc="upper center")
axes.margins(y=0.2)
plt.show()
