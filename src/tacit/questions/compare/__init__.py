"""Which of several runs is best, by one measure, and in what do they differ?"""
