"""What is known about clinical language: sections, terminology, context, doses, guards."""
