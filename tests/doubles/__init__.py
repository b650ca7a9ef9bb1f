"""Lambda and its web adapter, as far as an application behind them can tell.

    client -> function_url.FunctionUrl -> runtime_api.RuntimeApi -> lambda_adapter.py -> python -m gateway serve
                                          `---------------- environment.Environment ----------------------------'

A request becomes an `Invocation`, which one `Environment` answers; what can be said of it afterwards is its `Report`.
`lambda_adapter.py` is one file without imports of ours, because images take it in as well.
"""
