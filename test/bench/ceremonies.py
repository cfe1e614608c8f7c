"""What does not happen every day: keygen, refresh, pair set-up."""
import google_benchmark
from figures import Figure, Goal, Section

TARGETS = ['test/bench/bench_run']
GROUPS = {'p256_2of3': '256/3/2', 'p256_3of5': '256/5/3', 'p256_11of16': '256/16/11', 'p384_2of3': '384/3/2', 'p384_3of5': '384/5/3'}


def measure(site):
    found = google_benchmark.run(site, 'run', '^(keygen|refresh|pair_setup)/', seconds=0.05 if site.quick else 0.2)

    def ms(name):
        return [us / 1e3 for us in found[name].counters['us']]

    def sent(name):
        return f"; it sends {found[name].counters['bytes'][0] / 1e3:.1f} kB"

    section = Section('Ceremonies', text="One party's CPU, all messages encoded and decoded, without links and files.")
    section.figures = [
        Figure.of('pair_setup_ms_per_party', ms('pair_setup/256'), 'ms', goal=Goal(at_most=50),
                  text='base OTs and trees of one pair, both directions, P-256' + sent('pair_setup/256')),
        Figure.of('pair_setup_p384_ms_per_party', ms('pair_setup/384'), 'ms', text='the same on P-384' + sent('pair_setup/384'))]
    for what, text in (('keygen', 'five rounds of keygen'), ('refresh', 'five rounds of a refresh')):
        section.figures += [Figure.of(f'{what}_{group}_ms_per_party', ms(f'{what}/{arguments}'), 'ms', text=text + sent(f'{what}/{arguments}'))
                            for group, arguments in GROUPS.items()]
    return section
