"""The market's mood."""

from typing import ClassVar

from api.explain.context import Context, Template
from api.explain.units import COUNT, OF_100, PERCENT, RATIO, SCORE, SHARE, fact


class SentimentContext(Context):
    """`analysis_type: sentiment`."""

    template: ClassVar[Template] = Template(
        "sentiment data for {symbol}",
        "what these numbers say about the market's mood, and what they mean for an investor "
        "in {symbol}",
    )

    sentiment_score: float | None = fact(SCORE, "From very negative to very positive")
    news_sentiment: float | None = fact(SCORE, "Of the news alone")
    social_sentiment: float | None = fact(SCORE, "Of social media alone")
    confidence: float | None = fact(SHARE, "How sure the score is")
    news_count: float | None = fact(COUNT, "Articles that were read")
    social_mentions: float | None = fact(COUNT, "Posts that were read")
    bullish_percent: float | None = fact(PERCENT, "Of those who say something")
    bearish_percent: float | None = fact(PERCENT, "Of those who say something")
    put_call_ratio: float | None = fact(RATIO, "Puts traded for each call")
    fear_greed_index: float | None = fact(OF_100, "From extreme fear to extreme greed")
    short_interest_percent: float | None = fact(PERCENT, "Of the shares that trade freely")
