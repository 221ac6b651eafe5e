"""`python -m tidegate_infra`: the same as the command `tidegate`."""

from tidegate_infra.cli import main

if __name__ == "__main__":
    main()
