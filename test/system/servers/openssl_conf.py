"""openssl.cnf for every order in which providers can be activated, made from conf/openssl.cnf."""
import dataclasses

from .tap import expect


@dataclasses.dataclass(frozen=True)
class Order:
    """`default`: where the default provider stands (first, after, absent). `properties`: default_properties of the
    application. `load_default`: what quorate-load-default says. `fips_like`: a provider with everything that default
    has, under another name, stands in its place. `works`: what is expected of it:
      all       everything
      warned    no ECDHE over NIST curves: a server that is told to use them does not start, others have X25519 left;
                the log says why
      nothing   the server has no ciphers, does not start, and says so itself"""
    name: str
    default: str = 'first'
    properties: str = ''
    load_default: bool = True
    fips_like: bool = False
    works: str = 'all'


ORDERS = {order.name: order for order in (
    Order('default first'),
    Order('default first, ?provider=default', properties='?provider=default'),
    Order('default after', default='after'),
    Order('default after, ?provider=default', default='after', properties='?provider=default'),
    Order('default absent', default='absent'),
    Order('default absent, ?provider=default', default='absent', properties='?provider=default'),
    Order('load-default=no, default first', load_default=False),
    Order('load-default=no, default after', default='after', load_default=False, works='warned'),
    Order('load-default=no, default after, ?provider=default', default='after', properties='?provider=default',
          load_default=False),
    Order('load-default=no, default absent', default='absent', load_default=False, works='nothing'),
    Order('FIPS-like first', load_default=False, fips_like=True),
    Order('FIPS-like after, ?fips=yes', default='after', properties='?fips=yes', load_default=False, fips_like=True),
)}


def replaced(text, old, new, count=1):
    """Samples are changed by exact text only, and each change has to find its place."""
    expect(text.count(old) == count, f'a sample in conf/ has {text.count(old)} times, not {count} times: {old!r}')
    return text.replace(old, new)


def configuration(sample, order, module, provider_json, fips_like_module):
    """The text of openssl.cnf. 'default first' differs from the sample in nothing but paths."""
    text = replaced(sample, '/usr/lib/x86_64-linux-gnu/ossl-modules/quorate.so', str(module))
    text = replaced(text, '/etc/quorate/provider.json', str(provider_json))
    if order.default == 'after':
        text = replaced(text, 'default = default_sect\nquorate = quorate_sect\n',
                        'quorate = quorate_sect\ndefault = default_sect\n')
    if order.default == 'absent':
        text = replaced(text, 'default = default_sect\n', '')
    if not order.load_default:
        text = replaced(text, '# quorate-load-default = no\n', 'quorate-load-default = no\n')
    if order.fips_like:
        text = replaced(text, 'default = default_sect\n', 'fips_like = default_sect\nbase = base_sect\n')
        text = replaced(text, '[default_sect]\n', f'[base_sect]\nactivate = 1\n[default_sect]\nmodule = {fips_like_module}\n')
    if order.properties:
        text = replaced(text, '[openssl_init]\n', '[openssl_init]\nalg_section = algorithm_sect\n')
        text += f'\n[algorithm_sect]\ndefault_properties = {order.properties}\n'
    return text
